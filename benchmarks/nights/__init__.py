"""A thousand nights of services with a known truth, through the real rules and the real decisions."""
