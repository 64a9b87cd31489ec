;; Calls itself as the last thing it does: a loop that is none.
(module
  (memory (export "memory") 1)
  (func $again (return_call $again))
  (func (export "_start")
    (call $again)))
