//! Rules on files as YAML, before anything in them is a resource.

use crate::finding::Rule;

pub(super) static RULES: &[&Rule] = &[&SYNTAX, &DUPLICATE_KEY, &TEMPLATED];

pub(crate) static SYNTAX: Rule = Rule::error(
    "yaml-syntax",
    "kubectl refuses the file, and nothing in this document can be checked.",
    "Correct the YAML at this line; tabs, lost quotes and wrong indentation are the usual causes.",
);

pub(crate) static DUPLICATE_KEY: Rule = Rule::error(
    "yaml-duplicate-key",
    "YAML forbids it: strict tools refuse the file, others keep one of the two values without saying which.",
    "Keep one of the two, or merge what they hold.",
);

pub(crate) static TEMPLATED: Rule = Rule::info(
    "template-not-rendered",
    "Only what stands in the template is checked: what a template adds or leaves out is known after rendering.",
    "Lint what `helm template` prints.",
);
