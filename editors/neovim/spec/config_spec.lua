local config = require('rgt.config')

describe('settings', function()
  it('are all there when nothing is set', function()
    local found, problems = config.check(nil)
    assert.same({}, problems)
    assert.same({ window = 'split', code_lens = true, questions = 'notify' }, found)
  end)

  it('may be a function', function()
    local found = config.check(function()
      return { window = 'tab' }
    end)
    assert.equal('tab', found.window)
  end)

  it('are named when they are wrong, and the rest counts', function()
    local found, problems = config.check({ window = 'float', code_lens = 1, colour = 'red', questions = 'select' })
    assert.same({
      'vim.g.rgt.code_lens must be a boolean, not a number',
      'vim.g.rgt.colour: there is no such setting',
      'vim.g.rgt.window must be one of split, vsplit, tab, current',
    }, problems)
    assert.same({ window = 'split', code_lens = true, questions = 'select' }, found)
  end)

  it('must be a table', function()
    assert.same({ 'vim.g.rgt must be a table, not a string' }, select(2, config.check('split')))
    local _, problems = config.check(function()
      error('broken', 0)
    end)
    assert.same({ 'vim.g.rgt: broken' }, problems)
  end)
end)
