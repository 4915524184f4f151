"""Where each service of a site listens and how others ask it: the only source of both."""
