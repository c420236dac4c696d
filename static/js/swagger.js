// Starts Swagger UI from the page's attributes: the content security policy forbids inline script.
"use strict";

(() => {
  const place = document.getElementById("swagger-ui");
  const { schema, csrfHeader, csrfToken } = place.dataset;
  SwaggerUIBundle({
    url: schema,
    domNode: place,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    persistAuthorization: false,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (!["GET", undefined].includes(request.method) && request.credentials === "same-origin") {
        request.headers[csrfHeader] = csrfToken;
      }
      return request;
    },
  });
})();
