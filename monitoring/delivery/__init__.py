"""How a site's own inputs change alertmanager.yml, and what none of them may cut. Pure."""
