using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>15 bytes, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct Bytes15
{
    /// <summary>Count of elements.</summary>
    public const int Length = 15;

    private byte _element0;
}
