-- `nvim --clean --cmd 'set rtp^=.' -l spec/run.lua spec`: busted inside of Neovim. Debian's lua-busted has its modules
-- where Neovim's own Lua does not look.
package.path = '/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua;' .. package.path
for _, place in ipairs(vim.fn.glob('/usr/lib/*/lua/5.1', true, true)) do
  package.cpath = place .. '/?.so;' .. package.cpath
end
require('busted.runner')({ standalone = false })
