"""Prices: Flask, asking how many of each are left with urllib3 in a thread pool.

PORT=8003 STOCK_URL=http://127.0.0.1:8002 python prices.py
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import urllib3
from flask import Flask, Response, jsonify, request

STOCK = os.environ.get("STOCK_URL", "http://127.0.0.1:8002")

app = Flask(__name__)
http = urllib3.PoolManager()
pool = ThreadPoolExecutor(4)


@app.get("/prices")
def prices() -> Response:
    """Return a price for each item."""
    items = request.args.getlist("item")
    counts = pool.map(left, items)
    return jsonify(dict(zip(items, map(price, counts), strict=True)))


def price(count: int) -> int:
    """Ask more for what is scarce."""
    return 2 if count > 5 else 3


def left(item: str) -> int:
    """Ask the stock how many there are."""
    answer = http.request("GET", f"{STOCK}/count?item={item}", timeout=10)
    return int(answer.data)


@app.get("/health")
def health() -> str:
    """Say that the prices are known."""
    return "ok"


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8003")), threaded=True)
