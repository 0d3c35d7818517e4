namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Marks a field, or an enum of its bits, that stands for C bit fields.</summary>
/// <remarks>Read only by the layout test.</remarks>
[AttributeUsage(AttributeTargets.Field | AttributeTargets.Enum)]
public sealed class CBitFieldsAttribute : Attribute
{
    /// <summary>Names the first bit field, or the struct that has them.</summary>
    /// <param name="name">On a field: the C bit field that holds its lowest bit. On an enum: the C struct.</param>
    /// <param name="offset">On an enum: where the field stands in the struct, in bytes.</param>
    public CBitFieldsAttribute(string name, int offset = 0)
    {
        Name = name;
        Offset = offset;
    }

    /// <summary>The C bit field, or the C struct.</summary>
    public string Name { get; }

    /// <summary>Where the field stands in the struct, in bytes.</summary>
    public int Offset { get; }
}
