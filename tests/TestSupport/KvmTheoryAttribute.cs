using System.Runtime.CompilerServices;
using Xunit;

namespace KvmSevVmm.TestSupport;

/// <summary>A table of tests that run guests: skipped, with the reason, where no virtual machine can be made.</summary>
public sealed class KvmTheoryAttribute : TheoryAttribute
{
    /// <summary>Marks a test.</summary>
    /// <param name="sourceFilePath">Filled in by the compiler.</param>
    /// <param name="sourceLineNumber">Filled in by the compiler.</param>
    public KvmTheoryAttribute([CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
        : base(sourceFilePath, sourceLineNumber)
    {
        Skip = KvmHost.SkipReason;
    }
}
