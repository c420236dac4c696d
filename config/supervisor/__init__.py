"""What `manage.py up` does: start every process of an installation and keep them alive."""
