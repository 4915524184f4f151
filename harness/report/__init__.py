"""Time, alerts and truth together: what the alerting of a period was worth, against what is promised.

Pure but for `of_period`: what was asked goes in, figures and pages come out. Unknown never counts as good.
"""
