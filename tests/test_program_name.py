"""The service name that a command line gives."""

from __future__ import annotations

import shlex

import pytest

from autotrace.program_name import program_name


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python shop.py", "shop"),
        ("/usr/bin/python3.12 -u /srv/shop.py --port 80", "shop"),
        ("python -X dev -W error shop.py", "shop"),
        ("python -Xdev -Werror shop.py", "shop"),
        ("python -uXdev shop.py", "shop"),
        ("python --check-hash-based-pycs never shop.py", "shop"),
        ("python app.py", "app"),
        ("python src/shop/__main__.py", "shop"),
        ("python src/shop/", "shop"),
        ("python shop.pyz", "shop"),
        ("python -m shop.cli serve", "shop.cli"),
        ("python -mshop", "shop"),
        ("python -um shop", "shop"),
        ("python -Bum shop", "shop"),
        ("python -c pass", "unknown_service:python"),
        ("python -uc pass", "unknown_service:python"),
        ("python", "unknown_service:python"),
        ("python -", "unknown_service:python"),
        ("python -i", "unknown_service:python"),
        ("", "unknown_service:python"),
        ("python /venv/bin/gunicorn -w 4 -b localhost:8000 shop.app:app", "shop"),
        ("python /venv/bin/gunicorn company.shop.wsgi:application", "company.shop"),
        ("python /venv/bin/gunicorn 'shop.web:create_app(1)'", "shop.web"),
        ("python /venv/bin/gunicorn app:app", "app"),
        ("python /venv/bin/gunicorn -c conf.py", "gunicorn"),
        ("python -m gunicorn shop:app", "shop"),
        ("python /venv/bin/uvicorn --host 127.0.0.1 shop.main:app", "shop"),
        ("python /venv/bin/waitress-serve --listen=localhost:80 --call shop:create", "shop"),
        ("python -m waitress --call shop:create", "shop"),
        ("python -m flask --app shop run", "shop"),
        ("python -m flask -A src/shop.py:create run", "shop"),
        ("python /venv/bin/flask --app=shop.app run", "shop"),
        ("python /venv/bin/flask run", "flask"),
        ("/usr/bin/shop-worker --queue a", "shop-worker"),
    ],
)
def test_a_command_line_names_the_service(command: str, name: str) -> None:
    assert program_name(shlex.split(command), {}) == name


def test_flask_may_take_its_application_from_the_environment() -> None:
    assert program_name(["python", "-m", "flask", "run"], {"FLASK_APP": "shop.wsgi:app"}) == "shop"
