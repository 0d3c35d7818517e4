using System.Runtime.CompilerServices;
using Xunit;

namespace KvmSevVmm.TestSupport;

/// <summary>A test that runs a guest: skipped, with the reason, where no virtual machine can be made.</summary>
public sealed class KvmFactAttribute : FactAttribute
{
    /// <summary>Marks a test.</summary>
    /// <param name="sourceFilePath">Filled in by the compiler.</param>
    /// <param name="sourceLineNumber">Filled in by the compiler.</param>
    public KvmFactAttribute([CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
        : base(sourceFilePath, sourceLineNumber)
    {
        Skip = KvmHost.SkipReason;
    }
}
