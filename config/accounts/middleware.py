"""Remembers the browsers that have signed in, for `config.accounts.guesses`."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from config.accounts import guesses


class RememberDevice:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        guesses.keep_device(request, response)
        return response
