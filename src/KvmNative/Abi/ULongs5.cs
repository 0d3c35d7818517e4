using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>5 64-bit words, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct ULongs5
{
    /// <summary>Count of elements.</summary>
    public const int Length = 5;

    private ulong _element0;
}
