--- Where an agent works, and what it has changed there.
local at = require('rgt.at')
local page = require('rgt.page')
local pick = require('rgt.pick')
local server = require('rgt.server')

local M = {}

--- Open the worktree of an agent, or of the agent of an item, in a tab of its own; at the file that is open here.
---@param args string[]
function M.open(args)
  local path = at.path(vim.api.nvim_get_current_buf())
  pick.the_agent(args[1] or at.agent() or at.item(), 'Worktree of', function(id)
    server.call('worktree', { id = id }, function(found)
      local file = vim.fs.joinpath(found.path, path)
      local is_file = path ~= '' and (vim.uv.fs_stat(file) or {}).type == 'file'
      vim.cmd.tabnew()
      vim.cmd.tcd({ found.path, magic = { file = false, bar = false } })
      if is_file then
        vim.cmd.edit({ file, magic = { file = false, bar = false } })
      end
    end)
  end)
end

--- Show what an agent, or an item, changes against the target.
---@param args string[]
function M.diff(args)
  pick.the_agent(args[1] or at.agent() or at.item(), 'Changes of', function(id)
    if id:find('^gt%-') then
      return page.open(('rgt:/item/%s.diff'):format(id))
    end
    server.call('worktree', { id = id }, function(found)
      page.open(('rgt:/item/%s.diff'):format(found.item))
    end)
  end)
end

return M
