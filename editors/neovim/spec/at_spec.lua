local at = require('rgt.at')

describe('items in a text', function()
  for text, found in pairs({
    ['see gt-3f8k2, and (gt-00000)'] = { 'gt-3f8k2', 'gt-00000' },
    ['gt-3f8k2'] = { 'gt-3f8k2' },
    ['/item/gt-3f8k2.md'] = { 'gt-3f8k2' },
    ['polecat/nux/gt-3f8k2'] = { 'gt-3f8k2' },
    ['gt-3f8k22 gt-3f8k xgt-3f8k2 gt-3F8k2 gt-3f8k2-x'] = {},
    [''] = {},
  }) do
    it(('of %q'):format(text), function()
      assert.same(found, at.items(text))
    end)
  end
end)

describe('quoted lines', function()
  it('have their place and language', function()
    local quoted = at.quoted('lib/add.py', { first = 2, last = 3 }, 'python', { 'a = 1', 'b = 2' })
    assert.equal('lib/add.py:2-3\n```python\na = 1\nb = 2\n```\n', quoted)
    assert.equal('x:7\n```\n\n```\n', at.quoted('x', { first = 7, last = 7 }, '', { '' }))
  end)

  it('cannot end their fence', function()
    local quoted = at.quoted('x.md', { first = 1, last = 1 }, 'markdown', { '````' })
    assert.equal('x.md:1\n`````markdown\n````\n`````\n', quoted)
  end)
end)
