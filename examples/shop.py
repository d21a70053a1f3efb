"""A shop: Flask, asking the stock for offers with requests.

STOCK_URL=http://127.0.0.1:8002 gunicorn shop:app
PORT=8001 STOCK_URL=http://127.0.0.1:8002 python shop.py
"""

from __future__ import annotations

import os

import requests
from flask import Flask, Response, jsonify

STOCK = os.environ.get("STOCK_URL", "http://127.0.0.1:8002")

app = Flask(__name__)


@app.get("/basket")
def basket() -> Response:
    """Put one of each offer into the basket."""
    answer = requests.get(f"{STOCK}/offers", timeout=10)
    answer.raise_for_status()
    offers = answer.json()
    return jsonify(basket=offers, total=sum(offers.values()))


@app.get("/health")
def health() -> str:
    """Say that the shop is open."""
    return "ok"


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8001")))
