"""Controllers: no control, rules, model predictive control, the perfect-foresight optimum, and policies as one."""
