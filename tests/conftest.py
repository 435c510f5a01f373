pytest_plugins = [
    "tests.support.requirements",
    "tests.support.models",
    "tests.support.providers",
    "tests.support.rabbitmq",
    "tests.support.database",
    "tests.support.s3",
    "tests.support.studio",
    "tests.support.platform",
]
