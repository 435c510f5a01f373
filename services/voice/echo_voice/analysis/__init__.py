"""Analysis of uploaded audio: one sandboxed process decodes the file, another measures the decoded PCM."""
