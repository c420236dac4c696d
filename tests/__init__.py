"""What concerns the whole house: rules, servers, journeys."""
