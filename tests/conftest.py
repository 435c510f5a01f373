pytest_plugins = [
    "tests.support.requirements",
    "tests.support.rabbitmq",
]
