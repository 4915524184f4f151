"""Whether a running application is what the rules and the deployment were written for."""
