"""People, organizations, credentials and what a credential may do."""
