"""The WSGI entry point that gunicorn serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
application = get_wsgi_application()

from governance.production import require_fitness  # noqa: E402  # models are there only now

require_fitness()

# What is loaded by now stays: looked through at each full collection, it would cost every hundredth call its time.
gc.collect()
gc.freeze()
