"""What the doctor looks at, one subject a module. Each module lists its checks in CHECKS."""
