"""What `managed_service` has of programs: packages, checked archives, links and users."""
