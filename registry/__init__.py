"""Models, their versions and artifacts; the way of a file from upload to live."""
