"""Routes without a credential: open to everybody, to each address so many times a minute."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import attempts
from common.context import origin
from common.limits import Bucket, Rate, limiter

# An office or a test bench behind one address gets by with it; somebody who tries addresses and
# codes one after the other does not get far.
RATES = (Rate("minute", 60, 60), Rate("hour", 1000, 3600))


class PublicView(APIView):
    """A route that asks for no credential, looks at none, and counts calls by address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    scopes = None
    rates: ClassVar[tuple[Rate, ...]] = RATES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = f"door:{attempts.salt}:{type(self).__name__}:{origin().address}"
        limiter().take([Bucket(key, self.rates)], strict=True)
