"""What `managed_release` is made of: packages, checked archives, links and the service's user."""
