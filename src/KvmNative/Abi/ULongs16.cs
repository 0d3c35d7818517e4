using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>16 64-bit words, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct ULongs16
{
    /// <summary>Count of elements.</summary>
    public const int Length = 16;

    private ulong _element0;
}
