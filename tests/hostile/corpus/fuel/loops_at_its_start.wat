;; Loops before its main function begins.
(module
  (memory (export "memory") 1)
  (func $start (loop br 0))
  (start $start)
  (func (export "_start")
    ))
