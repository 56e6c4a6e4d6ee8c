"""One stored response for each language that the site speaks, however viewers spell their wish.

`Accept-Language: de-AT,de;q=0.9,en;q=0.5` and `Accept-Language: de` ask for the same page. The origin sees the field as
the viewer sent it; the key has only the language that is chosen here.
"""

import json

from wit_world import exports
from wit_world.exports.cache_key import Decision_Extend, KeyPart_Literal
from wit_world.imports import config


class CacheKey(exports.CacheKey):
    def decide(self, request):
        spoken = json.loads(config.get("languages") or '["en"]')
        wished = (request.field("accept-language") or b"").decode("latin-1").lower()
        chosen = next((language for language in by_weight(wished) if language in spoken), spoken[0])
        return Decision_Extend([KeyPart_Literal(b"language=" + chosen.encode())])


def by_weight(wished):
    """The languages of an Accept-Language field, the most wanted first, without their regions."""
    members = [member.strip().partition(";") for member in wished.split(",") if member.strip()]
    weighed = sorted(members, key=lambda member: -weight(member[2]))
    return [language.strip().partition("-")[0] for language, _, _ in weighed]


def weight(parameters):
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0
