"""Random, seeded, repeatable disturbances around deployments on the lab, and a judge of what came of them."""
