"""Tests of `edit.py`: what it writes, and what it leaves alone."""

import unittest

import edit

POD = """\
spec:
  securityContext:
    fsGroup: 1 # kept
  containers:
  - name: web
    image: a
    args:
    - |
      echo
      # of the script

  # of the next
  - name: braces
    image: b
    securityContext: {runAsUser: 1}
  - image: c
    securityContext:
      allowPrivilegeEscalation: true # why
      capabilities:
        drop:
        - NET_RAW
    env:
    - name: WORKERS
      value: 8
---
kind: Service
"""
NON_ROOT = ["securityContext", "runAsNonRoot"]


class Edit(unittest.TestCase):
    def setUp(self):
        self.yaml = edit.Yaml(POD)

    def added(self):
        """Returns the lines that are new, each with the one before it."""
        old, new = POD.split("\n"), str(self.yaml).split("\n")
        return [(new[at - 1], line) for at, line in enumerate(new) if line not in old]

    def test_a_block_goes_to_the_end_of_its_mapping_behind_a_script(self):
        self.yaml.put(5, "image", NON_ROOT, "true")
        self.assertIn("      # of the script\n    securityContext:\n      runAsNonRoot: true\n\n  # of", str(self.yaml))

    def test_a_key_joins_those_that_are_there(self):
        self.yaml.put(5, "containers", ["securityContext", "seccompProfile", "type"], "RuntimeDefault")
        self.assertEqual(
            self.added(),
            [("    fsGroup: 1 # kept", "    seccompProfile:"), ("    seccompProfile:", "      type: RuntimeDefault")],
        )

    def test_a_value_is_replaced_and_its_comment_kept(self):
        self.yaml.put(18, "image", ["securityContext", "allowPrivilegeEscalation"], "false")
        self.assertIn("allowPrivilegeEscalation: false # why\n", str(self.yaml))

    def test_lines_go_by_their_numbers_at_first(self):
        self.yaml.put(5, "containers", ["securityContext", "seccompProfile", "type"], "RuntimeDefault")
        self.yaml.put(16, "image", NON_ROOT, "true")
        self.yaml.quote(24)
        self.assertIn("        - NET_RAW\n      runAsNonRoot: true\n", str(self.yaml))
        self.assertIn('      value: "8"\n---\n', str(self.yaml))

    def test_what_is_not_sure_is_left(self):
        refused = [
            (13, "image", NON_ROOT),
            (17, "image", ["securityContext", "capabilities", "drop"]),
            (26, "image", NON_ROOT),
        ]
        for line, beside, keys in refused:
            with self.subTest(line=line), self.assertRaises(edit.Unclear):
                self.yaml.put(line, beside, keys, "true")
        for text in ("a: &x\n  image: b\n", "a:\n  <<: *x\n  image: b\n", "a:\n  image: {{ b }}\n"):
            with self.subTest(text=text), self.assertRaises(edit.Unclear):
                edit.Yaml(text).put(2, "image", NON_ROOT, "true")
        self.assertEqual(str(self.yaml), POD)


unittest.main()
