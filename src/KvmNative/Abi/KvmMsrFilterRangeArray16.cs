using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>16 values of <see cref="KvmMsrFilterRange"/>, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct KvmMsrFilterRangeArray16
{
    /// <summary>Count of elements.</summary>
    public const int Length = 16;

    private KvmMsrFilterRange _element0;
}
