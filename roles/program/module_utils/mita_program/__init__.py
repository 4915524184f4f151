"""What `managed_program` is made of: packages, checked archives, links and the service's user."""
