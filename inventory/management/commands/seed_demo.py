"""`manage.py seed_demo`: fill a realistic Brazilian demo shop."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.accounts import demo_staff
from config.accounts.roles import ROLES
from inventory.demo.services import seed_demo


class Command(BaseCommand):
    help = "Fill a demo shop: two warehouses, a thousand products with stock, and a staff user. Safe to run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--password",
            default=os.environ.get("DEMO_ADMIN_PASSWORD") or "esteira-demo",
            help="password for a new staff user (default: DEMO_ADMIN_PASSWORD, else esteira-demo)",
        )

    def handle(self, *_args: Any, password: str, **_options: Any) -> None:
        written, new_admin = seed_demo(), demo_staff.create_demo_staff(password)
        self.stdout.write(
            f"Products: {written.created} created, {written.changed} changed, {written.unchanged} unchanged."
        )
        if new_admin:
            emails = ", ".join(demo_staff.address_of(role) for role in ROLES)
            self.stdout.write(f"Admin: {demo_staff.ADMIN}, password: {password}")
            self.stdout.write(f"One staff user per role, with the same password: {emails}")
        else:
            self.stdout.write(f"Admin: {demo_staff.ADMIN}, password unchanged.")
