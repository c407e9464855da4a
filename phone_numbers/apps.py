from django.apps import AppConfig


class PhoneNumbersConfig(AppConfig):
    name = "phone_numbers"
    # A package called `numbers` would shadow the standard library's (docs/decisions/0002).
    label = "numbers"
    verbose_name = "Numbers"
