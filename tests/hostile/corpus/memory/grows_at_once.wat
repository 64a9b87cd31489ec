;; Asks for nearly all that 32 bits can address, at once.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (memory.grow (i32.const 60000)))))
