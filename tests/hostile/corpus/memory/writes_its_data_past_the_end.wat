;; Has data for a place that its memory does not have.
(module
  (memory (export "memory") 1)
  (data (i32.const 65530) "past the end")
  (func (export "_start")
    ))
