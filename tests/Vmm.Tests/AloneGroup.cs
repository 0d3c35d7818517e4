using Xunit;

namespace KvmSevVmm.Vmm.Tests;

/// <summary>Tests that look at the whole process's heap: they run when no other test does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneGroup
{
    internal const string Name = "alone";
}
