//! A broadcast into samples in decode order.
