"""How the admin writes times: in UTC, to the second, as logs and receivers do."""

DATE_FORMAT = SHORT_DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = r"j M Y H:i:s \U\T\C"
