;; Copies 30 MiB with one instruction, again and again.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (memory.grow (i32.const 960)))
    (loop
      (memory.copy (i32.const 31457280) (i32.const 0) (i32.const 31457280))
      (br 0))))
