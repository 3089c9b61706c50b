local M = {}
function M.run(opts)
  if opts.fargs[1] == 'attach' then require('rgt.terminal').attach(opts.fargs[2]) end
end
return M
