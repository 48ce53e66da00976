"""The HTTP API and the web chat on one port. Everything is served from this machine; nothing calls out.

serving        the port, starting and stopping
api            questions, searches, articles    bodies   what travels
documentation  /docs, without a CDN
protection     headers, password, other sites
"""

from __future__ import annotations

from qa.page.parts import Parts
from qa.server.api import api
from qa.server.bodies import AnswerBody, ArticleBody, CollectionsBody, SearchBody
from qa.server.protection import Login
from qa.server.serving import Serving, application, serve

__all__ = [
    "AnswerBody",
    "ArticleBody",
    "CollectionsBody",
    "Login",
    "Parts",
    "SearchBody",
    "Serving",
    "api",
    "application",
    "serve",
]
