using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>8 bytes, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct Bytes8
{
    /// <summary>Count of elements.</summary>
    public const int Length = 8;

    private byte _element0;
}
