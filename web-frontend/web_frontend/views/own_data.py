"""The download of everything that is kept about the visitor."""

import json

from flask import Blueprint, Response

from web_frontend.browser_session import require_session
from web_frontend.forms import OWN_DATA
from web_frontend.request_state import current_request
from web_frontend.services import services

own_data = Blueprint("own_data", __name__)


@own_data.get(OWN_DATA)
def download() -> Response:
    """Return the data as a file to be saved, indented for people."""
    claims = require_session()
    state = current_request()
    data = services().auth.personal_data(state.visitor.token, state.caller)
    text = json.dumps(data.model_dump(), indent=2, ensure_ascii=False)
    # User names have no characters that a header or a file name could not have.
    name = f"doorward-{claims.username}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(f"{text}\n", mimetype="application/json", headers=headers)
