;; Fills 60 MiB with one instruction, again and again.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (memory.grow (i32.const 960)))
    (loop
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 62914560))
      (br 0))))
