"""Customers of the shop."""

from locust import HttpUser, constant_pacing, task


class Customer(HttpUser):
    """Buys five times a second."""

    wait_time = constant_pacing(0.2)

    @task
    def buy(self) -> None:
        with self.client.post("/orders", catch_response=True) as answer:
            answer.success()
