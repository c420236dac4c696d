// Starts Redoc from the page's attributes. Its search runs in a worker made from a blob, which the
// content security policy forbids; the browser's own search finds as much.
"use strict";

(() => {
  const place = document.getElementById("redoc");
  Redoc.init(
    place.dataset.schema,
    {
      disableSearch: true,
      hideDownloadButton: true,
      nativeScrollbars: true,
      theme: {
        colors: { primary: { main: "#0b6b64" } },
        typography: {
          fontFamily: 'ui-sans-serif, system-ui, "Segoe UI", Roboto, sans-serif',
          headings: { fontFamily: 'ui-sans-serif, system-ui, "Segoe UI", Roboto, sans-serif' },
          code: { fontFamily: "ui-monospace, Menlo, Consolas, monospace" },
        },
      },
    },
    place,
  );
})();
