//! Settings: one struct a section, each field a sentence for the operator.
